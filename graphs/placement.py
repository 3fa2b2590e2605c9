"""Where replicas go: the settings' CPU and GPU fractions, resolved against the cluster that is there."""

from typing import Any

import ray
import structlog
from pydantic import BaseModel, ConfigDict
from ray.serve import Deployment

from izwi.catalog import ON_DEMAND, STAGES
from izwi.settings import Settings
from izwi.stage_settings import Resources

NODE_SHARE = 0.001
"""Of a node's custom resource that a replica takes: it says where, and bounds nothing."""
CPU_SHARE = 0.95
"""Of the cluster's CPUs that the smallest set of replicas may reserve; the rest is room for Serve itself."""
MAX_ONGOING = 16
"""Calls a replica takes at once; the engines' own workers set how many run."""
BUSY = 0.7
"""Share of what a replica can do at once from which another one is wanted; a burst needs the rest while it starts."""
MAX_QUEUED = 200
"""Calls that may wait for a replica; the next one is refused at once instead of growing a queue without end."""

log = structlog.get_logger()


class GraphArgs(BaseModel):
    """``args`` of an application in a Serve config: any part of the settings tree, stronger than the environment."""

    model_config = ConfigDict(extra="allow")


def resolve(args: GraphArgs) -> Settings:
    """Settings for the cluster at hand.

    Without a GPU the fractions become 0 and models run on CPU; where the smallest set of replicas would not fit
    the CPUs, their reservations shrink in proportion, unless more nodes come when they are asked for. One log line
    says what was decided.

    Raises:
        ValueError: the cluster is elastic, and nothing says whether the nodes to come have GPUs.
    """
    settings = Settings(**(args.model_extra or {}))
    if settings.elastic_cluster and settings.device == "auto":
        raise ValueError("IZWI_ELASTIC_CLUSTER needs IZWI_DEVICE: the nodes of now do not tell of those to come")
    cluster: dict[str, float] = ray.cluster_resources()
    cuda = settings.device == "cuda" or (settings.device == "auto" and cluster.get("GPU", 0) > 0)
    groups = {stage: getattr(settings, stage).resources for stage in (*STAGES, *ON_DEMAND)} | {
        "ingress": settings.ingress
    }
    wanted = sum(group.cpus * max(1, group.min_replicas) for group in groups.values())
    fit = 1.0 if settings.elastic_cluster else min(1.0, cluster.get("CPU", 1.0) * CPU_SHARE / wanted)
    placed = {
        name: group.model_copy(update={"cpus": round(group.cpus * fit, 3), "gpus": group.gpus if cuda else 0.0})
        for name, group in groups.items()
    }
    changes: dict[str, Any] = {"device": "cuda" if cuda else "cpu", "ingress": placed["ingress"]}
    for stage in (*STAGES, *ON_DEMAND):
        changes[stage] = getattr(settings, stage).model_copy(update={"resources": placed[stage]})
    if not placed["asr"].gpus:  # Ray hides the card from a replica that reserves none of it
        changes["device"] = "cpu"
    if changes["device"] == "cpu" and "float16" in settings.asr.compute_type:
        changes["asr"] = changes["asr"].model_copy(update={"compute_type": "int8"})
    log.info(
        "placement",
        device=changes["device"],
        fractions="as configured" if cuda else "GPU fractions resolved to CPU",
        cpus={name: group.cpus for name, group in placed.items()},
    )
    return settings.model_copy(update=changes)


def place(deployment: Deployment, resources: Resources, at_once: int = 1) -> Deployment:
    """The deployment with what its replicas reserve and how many of them there may be, none at times where the settings
    allow it.

    Args:
        at_once: calls, or sessions, that a replica serves without delay. Where there may be more replicas than one,
            that many is what they are scaled by; `serve_config.yaml` has rules that know more.
    """
    actor: dict[str, Any] = {"num_cpus": resources.cpus, "num_gpus": resources.gpus}
    if resources.node is not None:
        actor["resources"] = {resources.node: NODE_SHARE}
    options: dict[str, Any] = {
        "ray_actor_options": actor,
        "logging_config": {"enable_access_log": False},  # 5 % of a detector replica's time, and the ingress logs anyway
        "max_ongoing_requests": MAX_ONGOING,
        "max_queued_requests": MAX_QUEUED,
        "graceful_shutdown_wait_loop_s": 0.1,
        "graceful_shutdown_timeout_s": 5.0,
    }
    if resources.max_replicas > resources.min_replicas:
        options["autoscaling_config"] = {
            "min_replicas": resources.min_replicas,
            "max_replicas": resources.max_replicas,
            "target_ongoing_requests": BUSY * at_once,
        }
    else:
        options["num_replicas"] = resources.min_replicas
    return deployment.options(**options)
