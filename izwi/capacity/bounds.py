"""Where the numbers of a plan for several machines belong: bounds in the files of a cluster.

``IZWI_..._REPLICAS`` has no effect there: both places of serve_config.yaml are stronger.
"""

from collections.abc import Iterator

from izwi.capacity.plan import Plan

FEWEST_INGRESSES = 2
"""A cluster has, so that one may go at any time (cluster/kubernetes)."""


def fragment(made: Plan) -> str:
    """YAML: what to change in the files that the comments name, by the fields' own names."""
    return "\n".join(_lines(made))


def _lines(made: Plan) -> Iterator[str]:
    most = {need.deployment: need.replicas for need in made.needs}
    most["ingress"] = max(FEWEST_INGRESSES, most["ingress"])
    yield "# serve_config.yaml: the bounds in both places; the rest stays"
    yield "applications:"
    yield "  - name: izwi"
    yield "    args:"
    for name, count in most.items():
        bound = f"{{max_replicas: {count}}}"
        yield f"      {name}: {bound if name == 'ingress' else f'{{resources: {bound}}}'}"
    yield "    deployments:"
    for name, count in most.items():
        yield f"      - {{name: {name}, autoscaling_config: {{max_replicas: {count}}}}}"
    size = f"{made.provision.node_cores} cores and {made.provision.node_memory_gb:g} GB"
    yield f"# cluster/kubernetes/base/rayservice.yaml, with pods of {size} in the second group"
    yield "workerGroupSpecs:"
    yield f"  - {{groupName: ingress, maxReplicas: {most['ingress']}}}"
    yield f"  - {{groupName: stages, maxReplicas: {made.stage_nodes}}}"
