"""The ROS side: the only modules that import rclpy."""
