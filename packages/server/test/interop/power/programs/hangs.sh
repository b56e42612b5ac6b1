#!/bin/sh
# Starts a child, says who they are, and never ends.
sleep 1000 &
echo "$$ $!" >"$(dirname "$2")/pids"
echo 'waiting for the relay' >&2
wait
