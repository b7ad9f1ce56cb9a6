"""What tests and demos share: stand-ins for a workspace, a trainer and clients, and makers of sheets and jobs."""
