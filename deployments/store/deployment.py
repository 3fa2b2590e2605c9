"""The embedded Redis as a deployment: one replica owns the server, the ingress asks it for the address."""

from ray import serve

from deployments.store.embedded import EmbeddedRedis


@serve.deployment(name="store", num_replicas=1, ray_actor_options={"num_cpus": 0.05}, graceful_shutdown_timeout_s=2)
class Store:
    """Runs a redis-server for as long as the replica lives; its data go with it."""

    def __init__(self) -> None:
        self._server = EmbeddedRedis()

    async def url(self) -> str:
        """Address for clients on this machine, as ``unix://path``."""
        return self._server.url

    def check_health(self) -> None:
        self._server.check()

    def __del__(self) -> None:
        self._server.stop()
