package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// differences is what pgcordon may answer otherwise than Postgres.
type differences struct {
	// fields of ErrorResponse and NoticeResponse that pgcordon may leave out, with the files that say so.
	fields map[string]string
	// added are fields, written as in a transcript, that pgcordon may add where Postgres's error has none of that name.
	added map[string]string
	// lines are the expected lines of the comparison, by case: "- " what Postgres said, "+ " what pgcordon says.
	lines map[string][]string
	// older are the cases that differ on older minor releases alone.
	older map[string]bool
	// unused are the files' entries that no case has needed yet.
	unused map[string]bool
}

// readDifferences reads files of this form; in a line of pgcordon's, ... stands for any text:
//
//	# Why it differs.
//	field detail
//	adds hint="..."
//	case script.pgt/name of the case
//	- ErrorResponse ERROR 42883 "..."
//	+ ErrorResponse ERROR 42501 "..."
//
// What stands below a line such as `servers 17-18` is for servers of these majors alone. A case that begins with `older` instead of
// `case` differs on older minor releases of a server, and not on newer ones.
func readDifferences(files []string, major int) (*differences, error) {
	d := &differences{fields: map[string]string{}, added: map[string]string{}, lines: map[string][]string{}, older: map[string]bool{}, unused: map[string]bool{}}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := d.add(filepath.Base(file), string(text), major); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *differences) add(file, text string, major int) error {
	if !strings.HasPrefix(text, "# ") {
		return fmt.Errorf("%s: it must begin with the reason", file)
	}
	current, meant := "", true
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "servers "):
			var oldest, newest int
			if _, err := fmt.Sscanf(line, "servers %d-%d", &oldest, &newest); err != nil {
				return fmt.Errorf("%s:%d: %w", file, number+1, err)
			}
			current, meant = "", oldest <= major && major <= newest
		case !meant:
		case strings.HasPrefix(line, "field "):
			field := strings.TrimPrefix(line, "field ")
			d.fields[field] = file
			d.unused[file+": field "+field] = true
		case strings.HasPrefix(line, "adds "):
			field := strings.TrimPrefix(line, "adds ")
			d.added[field] = file
			d.unused[file+": adds "+field] = true
		case strings.HasPrefix(line, "case "):
			current = strings.TrimPrefix(line, "case ")
			d.unused["case "+current] = true
		case strings.HasPrefix(line, "older "):
			current = strings.TrimPrefix(line, "older ")
			d.older[current] = true
		case current != "" && (strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "+ ")):
			d.lines[current] = append(d.lines[current], line)
		default:
			return fmt.Errorf("%s:%d: not understood: %s", file, number+1, line)
		}
	}
	return nil
}

// check returns what differs and is not listed, empty for nothing.
func (d *differences) check(id string, direct, proxied []string) string {
	if len(direct) == len(proxied) {
		direct, proxied = d.dropFields(direct, proxied), d.dropAdded(direct, proxied)
	} else {
		// They differ anyhow. Without the fields, what is told of it is shorter.
		direct, proxied = d.dropFields(direct, make([]string, len(direct))), d.dropFields(proxied, make([]string, len(proxied)))
		proxied = d.dropAdded(make([]string, len(proxied)), proxied)
	}
	got := diff(direct, proxied)
	want := d.lines[id]
	if len(want) > 0 {
		delete(d.unused, "case "+id)
	}
	if len(got) == 0 && d.older[id] {
		return ""
	}
	if len(got) == len(want) {
		same := true
		for i := range got {
			same = same && matches(want[i], got[i])
		}
		if same {
			return ""
		}
	}
	text := "differs from Postgres (-):\n" + strings.Join(got, "\n")
	if len(want) > 0 {
		text += "\nlisted as known:\n" + strings.Join(want, "\n")
	}
	return text
}

func matches(pattern, line string) bool {
	return pattern == line || regexp.MustCompile("^"+expression(pattern, ".*")+"$").MatchString(line)
}

// expression makes a regular expression in which any stands for the pattern's dots.
func expression(pattern, any string) string {
	parts := strings.Split(pattern, "...")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return strings.Join(parts, any)
}

func isError(line string) bool {
	return strings.HasPrefix(line, "ErrorResponse ") || strings.HasPrefix(line, "NoticeResponse ")
}

// fieldValue matches what stands between the quotes of a field.
const fieldValue = `(?:[^"\\]|\\.)*`

// dropFields removes a field that may be missing from Postgres's errors where pgcordon's error at the same place lacks it.
func (d *differences) dropFields(direct, proxied []string) []string {
	out := make([]string, len(direct))
	for i, line := range direct {
		out[i] = line
		if !isError(line) {
			continue
		}
		for field, file := range d.fields {
			label := regexp.MustCompile(` ` + regexp.QuoteMeta(field) + `="` + fieldValue + `"`)
			if label.MatchString(line) && !label.MatchString(proxied[i]) {
				out[i] = label.ReplaceAllLiteralString(out[i], "")
				delete(d.unused, file+": field "+field)
			}
		}
	}
	return out
}

// dropAdded removes what pgcordon may add to an error.
func (d *differences) dropAdded(direct, proxied []string) []string {
	out := make([]string, len(proxied))
	for i, line := range proxied {
		out[i] = line
		if !isError(line) {
			continue
		}
		for field, file := range d.added {
			label, _, _ := strings.Cut(field, "=")
			added := regexp.MustCompile(" " + expression(field, fieldValue))
			if added.MatchString(line) && !strings.Contains(direct[i], " "+label+"=") {
				out[i] = added.ReplaceAllLiteralString(out[i], "")
				delete(d.unused, file+": adds "+field)
			}
		}
	}
	return out
}

// diff compares line by line along a longest common subsequence and returns the lines outside of it.
func diff(a, b []string) []string {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			out = append(out, "- "+a[i])
			i++
		default:
			out = append(out, "+ "+b[j])
			j++
		}
	}
	return out
}
