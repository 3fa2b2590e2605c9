from loadtests.swarm.cli import cli

cli()
