"""What every destination must do, written once; and runs of the product inside the test's own process."""
