"""How many cores, replicas and nodes so many speakers need: measured costs, a formula, and a simulation. Pure."""
