"""The information provider: what A-REX publishes about OAR."""
