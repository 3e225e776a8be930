"""What users import: models that predict, what they find, drawn and reported."""
