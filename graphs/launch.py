"""Starts Ray, Serve and the live graph on this machine, says where everything listens, and stops it cleanly.

python -m graphs.launch --port 8000
"""

import logging
import signal
import socket
import threading
from typing import Annotated

import typer
from pydantic import ValidationError

from graphs import environment
from graphs.placement import STAGES, GraphArgs
from izwi import catalog, logs
from izwi.errors import IzwiError, ModelMissing, Unavailable
from izwi.settings import Settings

DRAIN_S = 2.0
"""Seconds that running sessions get to finish after Ctrl-C."""

cli = typer.Typer(add_completion=False)


@cli.command()
def launch(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    dashboard_port: Annotated[int | None, typer.Option(help="Port of the Ray dashboard, 0 for none.")] = None,
    profile: Annotated[str | None, typer.Option(help="dev, edge, cloud or realtime.")] = None,
) -> None:
    """Serve live speech translation until Ctrl-C.

    Example: python -m graphs.launch --port 9000 --profile edge
    """
    asked = {"host": host, "port": port, "dashboard_port": dashboard_port, "profile": profile}
    args = {name: value for name, value in asked.items() if value is not None}
    try:
        settings = Settings(**args)
        logs.configure(settings.log_level, human=True)
        _check(settings)
    except (ValidationError, IzwiError) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(1) from None
    environment.prepare(settings.proxy)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _serve(settings, args, stop)


def _check(settings: Settings) -> None:
    """Find out in milliseconds what would otherwise fail after half a minute, in a replica's log.

    Raises:
        ModelMissing: a stage has no engine.
        Unavailable: the port is taken.
    """
    for stage in STAGES:
        engines = getattr(settings, stage).engines
        usable, reasons = catalog.pick(stage, engines)
        if not usable:
            why = "; ".join(f"{name}: {', '.join(missing)}" for name, missing in reasons.items())
            raise ModelMissing(f"no {stage} engine can be used ({why})")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(f"{settings.host}:{settings.port}: {error.strerror}") from None


def _serve(settings: Settings, args: dict[str, str | int], stop: threading.Event) -> None:
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions

    logging.getLogger("ray.serve").setLevel(logging.WARNING)

    from graphs.live import app

    typer.echo("starting Ray ...")
    context = ray.init(
        address="local",
        include_dashboard=settings.dashboard_port > 0,
        dashboard_host="127.0.0.1",
        dashboard_port=settings.dashboard_port or None,
        logging_level="warning",
        log_to_driver=settings.debug,
    )
    typer.echo("loading models ...")
    try:
        serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
        handle = serve.run(app(GraphArgs.model_validate(args)), name="izwi", route_prefix="/")
        _announce(settings, context.dashboard_url, context.address_info["session_dir"])
        stop.wait()
        typer.echo("stopping ...")
        try:
            cut = handle.drain.remote(DRAIN_S).result(timeout_s=DRAIN_S + 1.0)
        except TimeoutError:
            cut = "some"
        if cut:
            typer.echo(f"{cut} sessions did not end in time")
    finally:
        ray.shutdown()
    typer.echo("stopped")


def _announce(settings: Settings, dashboard: str | None, session: str) -> None:
    address = f"{settings.host}:{settings.port}"
    lines = {
        "HTTP": f"http://{address}",
        "WebSocket": f"ws://{address}/ws/stream",
        "metrics": f"http://{address}/metrics",
        "readiness": f"http://{address}/readyz",
        "dashboard": f"http://{dashboard}" if dashboard else "off",
        "logs": f"{session}/logs",
    }
    typer.echo("Izwi is listening; Ctrl-C stops it")
    for name, value in lines.items():
        typer.echo(f"  {name:<10} {value}")


if __name__ == "__main__":
    cli()
