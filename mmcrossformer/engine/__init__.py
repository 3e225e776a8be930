"""What the command-line tools share. Imports a host library only once a config asks for it."""
