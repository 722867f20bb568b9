/**
 * What a task is. A task hands out {@linkplain tern.tasks.Example sequences}: what goes in (tokens or real values) and what
 * is asked for (symbols at scored positions, one class, or numbers). Training sequences are a function of seed and step
 * alone, so a run that was broken off goes on with the very same ones; validation and test sequences are fixed and
 * apart from those that are trained on.
 */
@org.jspecify.annotations.NullMarked
package tern.tasks;
