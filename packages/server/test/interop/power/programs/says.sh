#!/bin/sh
# Says what its config tells it to: a line of shell.
. "$2"
