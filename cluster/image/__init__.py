"""The images of cluster/Dockerfile."""
