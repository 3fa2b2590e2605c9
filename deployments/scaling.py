"""The application's autoscaling policy: which rule scales which deployment, named in serve_config.yaml.

One policy for the whole application, because stages are scaled by what the ingress measures: a policy of a single
deployment sees the figures of its own replicas only. It runs in Serve's controller several times a second, so that it
reads what replicas have reported and waits for nothing. Serve takes the classes of this module there by value; what
they use from others is imported there.
"""

import logging
from typing import Any

from ray.serve.autoscaling_policy import replica_queue_length_autoscaling_policy
from ray.serve.config import AutoscalingContext

from izwi.scaling import Rules, SpeechLoad

SERVE_LOG = "ray.serve"
"""The controller's, where operators look for what it did."""
BUSY = "busy"
"""In a deployment's state, which Serve keeps between two calls: see `izwi.scaling.CpuRule.lasting`."""


class Scaling:
    """
    Args:
        kwargs: fields of `izwi.scaling.Rules`. Where they do not fit, the log says why and all deployments go by
            ongoing requests: what is raised here keeps the controller from changing anything, and from starting again.
            The ingress must be autoscaled, or Serve does not ask its replicas; equal bounds fix their number.
    """

    def __init__(self, **kwargs: Any) -> None:
        try:
            self._rules = Rules.model_validate(kwargs)
        except ValueError as error:
            logging.getLogger(SERVE_LOG).error("scaling by ongoing requests only, because of policy_kwargs: %s", error)
            self._rules = Rules()

    def __call__(self, contexts: dict[Any, AutoscalingContext]) -> tuple[dict[Any, float], dict[Any, dict[str, Any]]]:
        """Replicas wanted by deployment, before Serve's delays and bounds, and what Serve is to keep of each."""
        ingress = next((one for one in contexts.values() if one.deployment_name == self._rules.ingress), None)
        speakers = sum(_reported(ingress, "speakers")) if ingress is not None else 0.0
        wanted: dict[Any, float] = {}
        states: dict[Any, dict[str, Any]] = {}
        for key, context in contexts.items():
            by_rule, states[key] = self._by_rule(context, ingress)
            wanted[key] = max(by_rule, self._rules.least(context.deployment_name, speakers))
        return wanted, states

    def _by_rule(self, context: AutoscalingContext, ingress: AutoscalingContext | None) -> tuple[float, dict[str, Any]]:
        match self._rules.rules.get(context.deployment_name):
            case "cpu":
                shares, before = _reported(context, "cpu"), context.policy_state.get(BUSY)
                wanted, busy = self._rules.cpu.lasting(
                    context.target_num_replicas, shares, context.current_time or 0.0, before
                )
                return wanted, {BUSY: busy}
            case "speech":
                load = _speech(context, ingress)
                return context.target_num_replicas if load is None else self._rules.speech.wanted(load), {}
            case _:
                return replica_queue_length_autoscaling_policy(context)[0], {}


def _speech(recognition: AutoscalingContext, ingress: AutoscalingContext | None) -> SpeechLoad | None:
    """None while too little has been reported to say anything."""
    if ingress is None:
        return None
    workers, counts = _reported(recognition, "workers"), _reported(ingress, "speakers")
    if not workers or not counts:
        return None
    speakers = sum(counts)
    stretch = sum(_reported(ingress, "stretched")) / speakers if speakers else 1.0
    return SpeechLoad(speakers, sum(_reported(ingress, "recognising")), sum(workers), len(workers), stretch)


def _reported(context: AutoscalingContext, name: str) -> list[float]:
    """What each replica has reported by `record_autoscaling_stats`, its mean over the last seconds
    (`look_back_period_s`)."""
    return list((context.aggregated_metrics or {}).get(name, {}).values())
