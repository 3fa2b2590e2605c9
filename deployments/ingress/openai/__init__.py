"""Routes that clients of OpenAI's service know; only their address changes."""
