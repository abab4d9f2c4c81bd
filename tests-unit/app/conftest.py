"""The fixtures that start a real server on loopback with a small engine of plain data behind it."""

from served_app import data_folders as data_folders
from served_app import serve as serve
from served_app import served as served
