"""One real local Ray with the whole live graph, shared by all tests in this folder."""

from collections.abc import Iterator

import pytest
import ray
from ray import serve
from ray.serve.config import HTTPOptions
from ray.serve.handle import DeploymentHandle

from graphs import environment
from graphs.live import app
from graphs.placement import GraphArgs
from izwi.server_process import free_port

HOST = "127.0.0.1"


@pytest.fixture(scope="package")
def port() -> int:
    return free_port()


@pytest.fixture(scope="package", autouse=True)
def graph(port: int) -> Iterator[DeploymentHandle]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # Ray has been imported here: a token would come too late
        environment.prepare("python")
        ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="warning", log_to_driver=False)
        serve.start(http_options=HTTPOptions(host=HOST, port=port))
        try:
            yield serve.run(app(GraphArgs()), name="izwi", route_prefix="/")
        finally:
            ray.shutdown()
