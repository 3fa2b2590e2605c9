"""How the load test's speakers talk to a server: one file per wire protocol, all seen through `conversation`."""
