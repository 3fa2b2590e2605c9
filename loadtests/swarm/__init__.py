"""Load tests with Locust: named profiles, limits that decide, a report. Locust calls a running crowd a swarm."""

import os

# Locust would make sockets, threads and selectors gevent's own when it is imported. Here its greenlets only decide who
# comes and goes; users talk in an asyncio loop, through the very client that applications use (loop.py).
os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
