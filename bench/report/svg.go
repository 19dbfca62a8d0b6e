package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// chart is a drawing over groups, which stand side by side: in each, every series has a value.
type chart struct {
	title, unit string
	groups      []string
	series      []line
	// log makes the vertical axis logarithmic.
	log bool
	// draw is drawLines, drawRanges or drawBars.
	draw func(*canvas)
}

// line is what a chart shows of one target: a point for each group, unknown ones without rounds.
type line struct {
	target string
	points []point
}

// point is a value with what it is shown with: the range over the rounds or, of latencies, the percentiles 50, 90 and 99.
type point struct {
	low, middle, high float64
	known             bool
}

// The size of a chart in SVG's units, which are pixels where there is room for them.
const (
	chartWidth, chartHeight             = 400.0, 250.0
	marginLeft, marginTop, marginBottom = 52.0, 30.0, 26.0
	marginRight                         = 10.0
)

// canvas collects a chart's SVG.
type canvas struct {
	chart
	b        strings.Builder
	min, max float64
}

// svg draws the chart; it is empty when nothing is known.
func (c chart) svg() template.HTML {
	v := &canvas{chart: c}
	if !v.scale() {
		return ""
	}
	fmt.Fprintf(&v.b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`, chartWidth, chartHeight, html.EscapeString(c.title))
	fmt.Fprintf(&v.b, `<text class="title" x="4" y="14">%s</text><text class="unit" x="%.0f" y="14">%s</text>`,
		html.EscapeString(c.title), chartWidth-marginRight, html.EscapeString(c.unit))
	v.axes()
	c.draw(v)
	v.b.WriteString("</svg>")
	return template.HTML(v.b.String()) // of numbers and escaped texts
}

// scale finds the range of the values.
func (v *canvas) scale() bool {
	v.min, v.max = math.Inf(1), 0
	for _, s := range v.series {
		for _, p := range s.points {
			if p.known {
				v.min, v.max = math.Min(v.min, p.low), math.Max(v.max, p.high)
			}
		}
	}
	if v.max <= 0 {
		return false
	}
	if v.log {
		v.min = math.Pow(10, math.Floor(math.Log10(v.min)))
		v.max = math.Max(v.max*1.15, v.min*10)
	} else {
		v.min, v.max = 0, v.max*1.06
	}
	return true
}

// y is where a value stands.
func (v *canvas) y(value float64) float64 {
	share := value / v.max
	if v.log {
		share = math.Log(math.Max(value, v.min)/v.min) / math.Log(v.max/v.min)
	}
	return chartHeight - marginBottom - share*(chartHeight-marginBottom-marginTop)
}

// group is where a group begins, and how wide it is.
func (v *canvas) group(i int) (x, width float64) {
	width = (chartWidth - marginLeft - marginRight) / float64(len(v.groups))
	return marginLeft + float64(i)*width, width
}

func (v *canvas) axes() {
	for _, t := range v.ticks() {
		y := v.y(t)
		fmt.Fprintf(&v.b, `<line class="grid" x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f"/><text class="tick" x="%.0f" y="%.1f">%s</text>`,
			marginLeft, chartWidth-marginRight, y, y, marginLeft-6, y+4, short(t))
	}
	for i, g := range v.groups {
		x, width := v.group(i)
		fmt.Fprintf(&v.b, `<text class="group" x="%.1f" y="%.0f">%s</text>`, x+width/2, chartHeight-8, html.EscapeString(g))
	}
}

// ticks are round numbers: powers of ten and their thirds on a logarithmic axis, else about five.
func (v *canvas) ticks() (ticks []float64) {
	if v.log {
		for t := v.min; t <= v.max; t *= 10 {
			ticks = append(ticks, t)
			if 3*t <= v.max && v.max/v.min < 2000 {
				ticks = append(ticks, 3*t)
			}
		}
		return ticks
	}
	step := math.Pow(10, math.Floor(math.Log10(v.max/4)))
	for _, factor := range []float64{1, 2, 2.5, 5, 10} {
		if v.max/(step*factor) <= 5 {
			step *= factor
			break
		}
	}
	for t := 0.0; t <= v.max; t += step {
		ticks = append(ticks, t)
	}
	return ticks
}

// short prints a number in few characters.
func short(f float64) string {
	switch {
	case f >= 1e6:
		return fmt.Sprintf("%.4gM", f/1e6)
	case f >= 1e4:
		return fmt.Sprintf("%.4gk", f/1e3)
	}
	return fmt.Sprintf("%.4g", f)
}

func (v *canvas) label(s line, i int) string {
	p := s.points[i]
	return html.EscapeString(fmt.Sprintf("%s, %s: %s (%s to %s) %s", s.target, v.groups[i], short(p.middle), short(p.low), short(p.high), v.unit))
}

// drawLines connects a target's points, each with its range over the rounds.
func drawLines(v *canvas) {
	for _, s := range v.series {
		var path []string
		for i, p := range s.points {
			if !p.known {
				continue
			}
			x, width := v.group(i)
			x += width / 2
			path = append(path, fmt.Sprintf("%.1f,%.1f", x, v.y(p.middle)))
			fmt.Fprintf(&v.b, `<g class="%s"><line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/><circle cx="%.1f" cy="%.1f" r="3.2"><title>%s</title></circle></g>`,
				class(s.target), x, x, v.y(p.low), v.y(p.high), x, v.y(p.middle), v.label(s, i))
		}
		if len(path) > 1 {
			fmt.Fprintf(&v.b, `<polyline class="%s" points="%s"/>`, class(s.target), strings.Join(path, " "))
		}
	}
}

// slot is where a series has its place in a group.
func (v *canvas) slot(group, series int) (x, width float64) {
	x, width = v.group(group)
	x, width = x+width*0.08, width*0.84
	width /= float64(len(v.series))
	return x + float64(series)*width, width
}

// drawRanges draws a line from the lowest to the highest percentile, with a dot at the lowest and a dash between.
func drawRanges(v *canvas) {
	for n, s := range v.series {
		for i, p := range s.points {
			if !p.known {
				continue
			}
			x, width := v.slot(i, n)
			x += width / 2
			half := math.Min(width*0.4, 6)
			fmt.Fprintf(&v.b, `<g class="%s"><title>%s</title><line class="range" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`,
				class(s.target), v.label(s, i), x, x, v.y(p.low), v.y(p.high))
			for _, at := range []float64{p.middle, p.high} {
				fmt.Fprintf(&v.b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x-half, x+half, v.y(at), v.y(at))
			}
			fmt.Fprintf(&v.b, `<circle cx="%.1f" cy="%.1f" r="3.2"/></g>`, x, v.y(p.low))
		}
	}
}

// drawBars draws bars, each with its range over the rounds.
func drawBars(v *canvas) {
	for n, s := range v.series {
		for i, p := range s.points {
			if !p.known {
				continue
			}
			x, width := v.slot(i, n)
			width = math.Min(width, 44)
			y := v.y(p.middle)
			fmt.Fprintf(&v.b, `<g class="%s"><title>%s</title><rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="1.5"/><line class="whisker" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/></g>`,
				class(s.target), v.label(s, i), x+width*0.08, y, width*0.84, chartHeight-marginBottom-y, x+width/2, x+width/2, v.y(p.low), v.y(p.high))
		}
	}
}

// class is a target's style.
func class(target string) string { return "t-" + target }
