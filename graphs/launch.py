"""Starts Ray, Serve and the live graph on this machine, says where everything listens, and stops it cleanly.

python -m graphs.launch --port 8000
"""

import asyncio
import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from deployments.ingress.keyring import Keyring
from graphs import environment
from izwi import catalog, logs
from izwi.errors import Forbidden, IzwiError, ModelMissing, PackageMissing, Unavailable
from izwi.loopback import is_loopback
from izwi.settings import Settings
from izwi.tracing_settings import exporter_missing

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
    environment.keep_to_ourselves()
    environment.prepare(settings.proxy)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    _serve(settings, args, stop)


def _check(settings: Settings) -> None:
    """Find out in milliseconds what would otherwise fail after half a minute, in a replica's log.

    Raises:
        ModelMissing: a stage has no engine.
        BadKeyFile: the file of API keys cannot be read.
        Forbidden: others than this machine could enter without a key.
        PackageMissing: traces are wanted, and nothing can send them.
        Unavailable: the port is taken.
    """
    if settings.api_keys_file is not None:
        Keyring(settings.api_keys_file)
    elif not (settings.allow_anonymous or is_loopback(settings.host)):
        raise Forbidden(
            f"{settings.host} can be reached from other machines, and there are no API keys. Make one with "
            "`izwi keys new NAME --file keys.toml` and set IZWI_API_KEYS_FILE=keys.toml; or set IZWI_ALLOW_ANONYMOUS=1 "
            "where something in front decides who may enter"
        )
    if settings.tracing.endpoint and (missing := exporter_missing()):
        raise PackageMissing(missing)
    for stage in catalog.STAGES:
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
    import ray  # only now: it keeps what it finds in the environment
    from ray import serve
    from ray.serve.config import HTTPOptions

    logging.getLogger("ray.serve").setLevel(logging.WARNING)

    from graphs.live import app
    from graphs.placement import GraphArgs

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
        cut = asyncio.run(_drain(handle))
        if cut != 0:
            typer.echo(f"{'some' if cut is None else cut} sessions did not end in time")
    finally:
        ray.shutdown()
    typer.echo("stopped")


async def _drain(handle: Any) -> int | None:
    """Let every ingress replica finish its sessions; returns how many did not end in time, None if nobody knows."""
    # A coroutine, because with Serve's throughput settings handles work within a running event loop only.
    try:
        async with asyncio.timeout(DRAIN_S + 1.0):
            return sum(await handle.broadcast("drain", DRAIN_S).results_async())
    except TimeoutError:
        return None


def _keep_token(session: str) -> str:
    """Write Ray's token where only this user can read it: with it, Ray runs anything. Says where."""
    if "RAY_AUTH_TOKEN" not in os.environ:  # an operator's mode, without one or with one elsewhere
        return ""
    path = Path(session) / "auth_token"
    path.touch(mode=0o600)
    path.write_text(os.environ["RAY_AUTH_TOKEN"])
    return f" asks for the token in {path}"


def _announce(settings: Settings, dashboard: str | None, session: str) -> None:
    address = f"{settings.host}:{settings.port}"
    lines = {
        "HTTP": f"http://{address}",
        "WebSocket": f"ws://{address}/ws/stream",
        "metrics": f"http://{address}/metrics",
        "readiness": f"http://{address}/readyz",
        "dashboard": f"http://{dashboard}{_keep_token(session)}" if dashboard else "off",
        "logs": f"{session}/logs",
    }
    typer.echo("Izwi is listening; Ctrl-C stops it")
    for name, value in lines.items():
        typer.echo(f"  {name:<10} {value}")


if __name__ == "__main__":
    cli()
