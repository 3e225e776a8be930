"""What all rooms of the package use: files, errors, weights, timing."""
