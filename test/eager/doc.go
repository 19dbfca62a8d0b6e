// Package eager has simple statements run upstream as prepared ones when they come for the first time, where they can: tests seldom repeat themselves.
package eager
