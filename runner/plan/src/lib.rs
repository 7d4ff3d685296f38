//! A Pipeline, manifests, and policy become a Plan.
