"""The application's autoscaling policy: which rule scales which deployment, named in serve_config.yaml.

One policy for the whole application, because recognition is scaled by what the ingress measures: a policy of a single
deployment sees the figures of its own replicas only. It runs in Serve's controller several times a second, so that it
reads what replicas have reported and waits for nothing. Serve takes the classes of this module there by value; what
they use from others is imported there.
"""

from typing import Any

from ray.serve.autoscaling_policy import replica_queue_length_autoscaling_policy
from ray.serve.config import AutoscalingContext

from izwi.scaling import CpuRule, SpeechLoad, SpeechRule


class Scaling:
    """
    Args:
        rules: ``cpu`` or ``speech`` by deployment; the others go by ongoing requests, as is Serve's default.
        cpu: fields of `CpuRule`.
        speech: fields of `SpeechRule`.
        ingress: the deployment whose replicas count speakers. It must be autoscaled, or Serve does not ask them; the
            number of its replicas may be fixed by equal bounds.

    Raises:
        ValueError: no such rule, or values that do not fit.
        TypeError: no such field.
    """

    def __init__(
        self,
        rules: dict[str, str],
        cpu: dict[str, float] | None = None,
        speech: dict[str, float] | None = None,
        ingress: str = "ingress",
    ) -> None:
        if unknown := set(rules.values()) - {"cpu", "speech"}:
            raise ValueError(f"no such rule: {', '.join(sorted(unknown))}; there are cpu and speech")
        self._rules = rules
        self._cpu = CpuRule(**(cpu or {}))
        self._speech = SpeechRule(**(speech or {}))
        self._ingress = ingress

    def __call__(self, contexts: dict[Any, AutoscalingContext]) -> tuple[dict[Any, float], dict[Any, dict[str, Any]]]:
        """Replicas wanted by deployment, before Serve's delays and bounds; nothing is kept between two calls."""
        ingress = next((one for one in contexts.values() if one.deployment_name == self._ingress), None)
        return {key: self._wanted(context, ingress) for key, context in contexts.items()}, {}

    def _wanted(self, context: AutoscalingContext, ingress: AutoscalingContext | None) -> float:
        match self._rules.get(context.deployment_name):
            case "cpu":
                return self._cpu.wanted(context.target_num_replicas, _reported(context, "cpu"))
            case "speech":
                load = _speech(context, ingress)
                running = context.current_num_replicas
                return context.target_num_replicas if load is None else self._speech.wanted(running, load)
            case _:
                return replica_queue_length_autoscaling_policy(context)[0]


def _speech(recognition: AutoscalingContext, ingress: AutoscalingContext | None) -> SpeechLoad | None:
    """None while too little has been reported to say anything."""
    workers = sum(_reported(recognition, "workers"))
    if ingress is None or not workers or not (counts := _reported(ingress, "speakers")):
        return None
    speakers = sum(counts)
    stretch = sum(_reported(ingress, "stretched")) / speakers if speakers else 1.0
    return SpeechLoad(speakers, sum(_reported(ingress, "recognising")), workers, stretch)


def _reported(context: AutoscalingContext, name: str) -> list[float]:
    """What each replica has reported by `record_autoscaling_stats`, its mean over the last seconds
    (`look_back_period_s`)."""
    return list((context.aggregated_metrics or {}).get(name, {}).values())
