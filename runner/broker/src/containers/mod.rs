//! Images and containers, through the Docker engine.
