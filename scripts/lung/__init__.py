"""The parts of the lung study: the job that shows the whole path on real patients."""
