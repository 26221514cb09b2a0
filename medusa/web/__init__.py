"""What Medusa shows in a browser."""
