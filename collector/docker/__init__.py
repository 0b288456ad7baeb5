"""What an event of a Docker engine or swarm was."""
