"""The plug-in host: a chain becomes processors and samples. The only place that imports pedalboard."""
