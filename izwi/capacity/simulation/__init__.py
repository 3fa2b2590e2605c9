"""Sessions on a server whose stages only cost time, in simulated time.

The sessions, their turns at the recogniser and their load levels are the server's own code (`izwi.session`,
`izwi.batching`, `izwi.load`): nothing of the flow is modelled, only what stages cost and hear is.
"""
