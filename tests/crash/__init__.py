"""Makes a real Medusa die, starve and lose its connections at every moment of its jobs, and counts what is lost."""
