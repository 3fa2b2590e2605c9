"""What KubeRay 1.6 takes in a RayService, as a JSON schema: no package ships its custom resource definitions.

Names and types are those of its Go types (apis/ray/v1). Pod templates are Kubernetes' own, and validated by its schema.
"""

from typing import Any


def _object(required: tuple[str, ...] = (), /, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _one_of(*values: str) -> dict[str, Any]:
    return {"enum": list(values)}


TEXT = {"type": "string"}
SWITCH = {"type": "boolean"}
COUNT = {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}
ANY = {"type": "object"}
CREDENTIAL = _object(value=TEXT, valueFrom=ANY)

GROUP = {"rayStartParams": TEXTS, "template": ANY, "resources": TEXTS, "labels": TEXTS}
HEAD = _object(
    ("template",),
    **GROUP,
    serviceType=_one_of("ClusterIP", "NodePort", "LoadBalancer"),
    headService=ANY,
    enableIngress=SWITCH,
)
WORKERS = _object(
    ("groupName", "template", "minReplicas", "maxReplicas"),
    **GROUP,
    groupName={"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"},
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    numOfHosts=COUNT,
    idleTimeoutSeconds=COUNT,
    suspend=SWITCH,
    scaleStrategy=ANY,
)
AUTOSCALER = _object(
    version=_one_of("v1", "v2"),
    upscalingMode=_one_of("Default", "Conservative", "Aggressive"),
    idleTimeoutSeconds=COUNT,
    resources=ANY,
    image=TEXT,
    imagePullPolicy=TEXT,
    env={"type": "array"},
    envFrom={"type": "array"},
    volumeMounts={"type": "array"},
    securityContext=ANY,
)
CLUSTER = _object(
    ("headGroupSpec", "rayVersion"),
    rayVersion=TEXT,
    authOptions=_object(mode=_one_of("disabled", "token"), secretName=TEXT, enableK8sTokenAuth=SWITCH),
    gcsFaultToleranceOptions=_object(
        backend=_one_of("redis", "rocksdb"),
        redisAddress=TEXT,
        redisUsername=CREDENTIAL,
        redisPassword=CREDENTIAL,
        externalStorageNamespace=TEXT,
    ),
    enableInTreeAutoscaling=SWITCH,
    autoscalerOptions=AUTOSCALER,
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
    headServiceAnnotations=TEXTS,
    suspend=SWITCH,
)
RAY_SERVICE = _object(
    ("apiVersion", "kind", "metadata", "spec"),
    apiVersion=_one_of("ray.io/v1"),
    kind=_one_of("RayService"),
    metadata=ANY,
    spec=_object(
        ("serveConfigV2", "rayClusterConfig"),
        serveConfigV2=TEXT,
        rayClusterConfig=CLUSTER,
        serveService=ANY,
        upgradeStrategy=_object(type=_one_of("NewCluster", "NewClusterWithIncrementalUpgrade", "None")),
        rayClusterDeletionDelaySeconds=COUNT,
        excludeHeadPodFromServeSvc=SWITCH,
    ),
)
