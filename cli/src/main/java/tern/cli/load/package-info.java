/** A server in a process of its own under load, measured and tormented from here over loopback. */
package tern.cli.load;
