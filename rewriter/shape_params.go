package rewriter

// paramForm is a variant's statement with its literals as parameters.
type paramForm struct {
	plan     *Plan
	literals []int32
}

func (l *lesson) parameterised(plan *Plan, v *variant) *paramForm { return nil }
