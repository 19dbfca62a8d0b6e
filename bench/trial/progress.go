package trial

import (
	"fmt"
	"time"
)

// progress tells how far the run is: on a terminal in one line that is written over, elsewhere in a line for each cell.
type progress struct {
	opts        *Options
	total, done int
	started     time.Time
	cell        string
}

const (
	wipe  = "\r\x1b[K"
	steps = 20 // of the bar
)

func (p *progress) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.opts.Terminal {
		_, _ = fmt.Fprint(p.opts.Progress, wipe+text)
	} else {
		_, _ = fmt.Fprintln(p.opts.Progress, text)
	}
}

// begin is called before each measurement.
func (p *progress) begin(cell string, round int, target string) {
	if !p.opts.Terminal {
		if cell != p.cell {
			p.say("%s", cell)
		}
		p.cell = cell
		return
	}
	bar := ""
	for i := range steps {
		if i < p.done*steps/max(1, p.total) {
			bar += "█"
		} else {
			bar += "░"
		}
	}
	p.say("%s %s  %s · round %d of %d · %s", bar, p.left(), cell, round, p.opts.Rounds, target)
}

// end is called after each measurement, or one that is not made.
func (p *progress) end() { p.done++ }

// left is how long the rest will take if it goes on as it went.
func (p *progress) left() string {
	if p.done == 0 || p.total == 0 {
		return "      "
	}
	rest := time.Since(p.started) / time.Duration(p.done) * time.Duration(p.total-p.done)
	if rest < time.Minute {
		return fmt.Sprintf("%3d s ", int(rest.Seconds()))
	}
	return fmt.Sprintf("%3d min", int(rest.Minutes()+0.5))
}

func (p *progress) finish() {
	if p.opts.Terminal {
		_, _ = fmt.Fprint(p.opts.Progress, wipe)
	}
}
