"""Replicas, their load and their processes, as Ray and HAProxy tell them."""

from cluster.dashboards.grafana import Board, Panel, Query
from cluster.dashboards.promql import WINDOW

IZWI = '{application="izwi"}'


def per_deployment(metric: str) -> str:
    return f"sum by (deployment) ({metric}{IZWI})"


SERVE = Board(
    "izwi-ray",
    "Izwi: Ray Serve",
    "Replicas, their load and their processes, as Ray and HAProxy tell them.",
    (
        Panel(
            "Replicas",
            "Healthy ones, by deployment.",
            (Query(per_deployment("ray_serve_deployment_replica_healthy"), "{{deployment}}"),),
        ),
        Panel(
            "Replicas wanted",
            "By the autoscaler.",
            (Query(per_deployment("ray_serve_autoscaling_target_replicas"), "{{deployment}}", quiet=True),),
        ),
        Panel(
            "Replicas started",
            "In 15 minutes: many of them say that replicas die or that scaling flaps.",
            (
                Query(
                    f"sum by (deployment) (increase(ray_serve_replica_startup_latency_ms_count{IZWI}[15m]))",
                    "{{deployment}}",
                ),
            ),
        ),
        Panel(
            "Calls",
            "Taken by replicas.",
            (
                Query(
                    f"sum by (deployment) (rate(ray_serve_deployment_request_counter_total{IZWI}{WINDOW}))",
                    "{{deployment}}",
                ),
            ),
            "reqps",
        ),
        Panel(
            "Calls, p95",
            "Time within a replica. A WebSocket is one call of the ingress for as long as it lasts.",
            (
                Query(
                    "histogram_quantile(0.95, sum by (le, deployment) (rate("
                    'ray_serve_deployment_processing_latency_ms_bucket{application="izwi", deployment!="ingress"}'
                    f"{WINDOW}))) / 1000",
                    "{{deployment}}",
                ),
            ),
            "s",
        ),
        Panel(
            "Calls under way and queued",
            "At replicas, and at the handles that have not found one with room.",
            (
                Query(per_deployment("ray_serve_replica_processing_queries"), "{{deployment}} under way"),
                Query(per_deployment("ray_serve_deployment_queued_queries"), "{{deployment}} queued"),
            ),
        ),
        Panel(
            "Calls that failed",
            "By kind of exception; CancelledError is a client that went.",
            (
                Query(
                    "sum by (deployment, exception_type) "
                    f"(rate(ray_serve_deployment_error_counter_total{IZWI}{WINDOW}))",
                    "{{deployment}} {{exception_type}}",
                    quiet=True,
                ),
            ),
            "reqps",
        ),
        Panel(
            "Memory",
            "Resident, by kind of process.",
            (Query('sum by (Component) (ray_component_rss_bytes{Component=~"ray::.*"})', "{{Component}}"),),
            "bytes",
            stacked=True,
        ),
        Panel(
            "CPU",
            "Cores, by kind of process.",
            (Query('sum by (Component) (ray_component_cpu_percentage{Component=~"ray::.*"}) / 100', "{{Component}}"),),
            stacked=True,
        ),
        Panel(
            "Nodes",
            "Share of CPU and of memory in use.",
            (
                Query("ray_node_cpu_utilization / 100", "{{ip}} CPU"),
                Query("ray_node_mem_used / ray_node_mem_total", "{{ip}} memory"),
            ),
            "percentunit",
            limit=0.9,
        ),
        Panel(
            "HAProxy: connections and servers",
            "Open connections, and ingress replicas that HAProxy sends them to.",
            (
                Query('sum(haproxy_frontend_current_sessions{proxy="http_frontend"})', "connections"),
                Query('sum(haproxy_backend_active_servers{proxy="http-izwi"})', "replicas"),
            ),
        ),
        Panel(
            "HAProxy: responses",
            "By class of status.",
            (
                Query(
                    f'sum by (code) (rate(haproxy_backend_http_responses_total{{proxy="http-izwi"}}{WINDOW}))',
                    "{{code}}",
                ),
            ),
            "reqps",
        ),
    ),
    replicas=False,
)
