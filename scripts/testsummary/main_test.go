package main

import (
	"strings"
	"testing"
)

func summarize(t *testing.T, events ...string) (*summary, string) {
	t.Helper()
	var out strings.Builder
	s := newSummary(&out)
	if err := s.read(strings.NewReader(strings.Join(events, "\n"))); err != nil {
		t.Fatal(err)
	}
	s.print()
	return s, out.String()
}

func TestSkippedTestsAreListedWithTheirReason(t *testing.T) {
	s, out := summarize(t,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: no Postgres here\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}`,
		`{"Action":"skip","Package":"p","Test":"TestA"}`,
		`{"Action":"pass","Package":"p","Test":"TestB"}`,
		`{"Action":"pass","Package":"p"}`)
	if s.passed != 1 || s.skipped != 1 || s.failed != 0 {
		t.Errorf("counted %d passed, %d failed, %d skipped", s.passed, s.failed, s.skipped)
	}
	if !strings.Contains(out, "p TestA: a_test.go:7: no Postgres here\n") {
		t.Errorf("the reason is missing:\n%s", out)
	}
	if !strings.HasSuffix(out, "1 passed, 0 failed, 1 skipped\n") {
		t.Errorf("the last line is not the counts:\n%s", out)
	}
}

func TestOutputOfFailedTestsIsShownAndOfOthersNot(t *testing.T) {
	s, out := summarize(t,
		`{"Action":"output","Package":"p","Test":"TestGood","Output":"quiet\n"}`,
		`{"Action":"pass","Package":"p","Test":"TestGood"}`,
		`{"Action":"output","Package":"p","Test":"TestBad","Output":"    b_test.go:9: got 1\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestBad"}`,
		`{"Action":"fail","Package":"p"}`)
	if s.failed != 1 {
		t.Errorf("counted %d failed", s.failed)
	}
	if !strings.Contains(out, "b_test.go:9: got 1") || strings.Contains(out, "quiet") {
		t.Errorf("wrong output:\n%s", out)
	}
}

func TestAPackageThatDoesNotBuildCountsAsAFailure(t *testing.T) {
	s, out := summarize(t,
		`{"ImportPath":"p [p.test]","Action":"build-output","Output":"p.go:3: undefined: x\n"}`,
		`{"ImportPath":"p [p.test]","Action":"build-fail"}`,
		`{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}`,
		`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
		`{"Action":"fail","Package":"q","Test":"TestQ"}`,
		`{"Action":"fail","Package":"q"}`)
	if s.failed != 2 || !strings.Contains(out, "undefined: x") {
		t.Errorf("counted %d failed, output:\n%s", s.failed, out)
	}
}

func TestATestCutOffByAPanicCountsAsAFailure(t *testing.T) {
	s, out := summarize(t,
		`{"Action":"output","Package":"p","Test":"TestHangs","Output":"panic: test timed out\n"}`,
		`{"Action":"fail","Package":"p"}`)
	if s.failed != 1 || !strings.Contains(out, "panic: test timed out") {
		t.Errorf("counted %d failed, output:\n%s", s.failed, out)
	}
}
