// Package edge tests what the four services have in common where they meet the world.
package edge
