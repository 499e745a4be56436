// Package walkthrough runs docs/walkthrough.md to the letter. Every fenced block of the page is one of these:
//
//   - "sh background": a command that goes on; its output begins with the text block that follows.
//   - "sh": commands of one bash session, run one block after the other; each ends with exit status 0.
//   - "text": what the block before has printed, on either stream. "…" stands for any characters within a line, and as
//     a line of its own for any lines. A block of commands without one prints nothing.
//
// Only the ports and the data folder differ from what is on the page, so that a platform of your own may run beside it.
package walkthrough
