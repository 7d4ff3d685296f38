//! Does things for steps, and checks the grant again.
