"""Training of a latent model as TD-MPC2's in any Gymnasium environment with continuous actions."""
