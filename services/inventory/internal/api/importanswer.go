package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"orderflow.example/inventory/internal/productcsv"
	"orderflow.example/kit/errs"
	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// The lines of the answer to a CSV file: one a row, then the summary. Without a summary the answer is not whole.
type (
	rowLine struct {
		Row       int32     `json:"row"`  // from 1, without the header
		Line      int       `json:"line"` // of the file
		ProductID string    `json:"productId,omitempty"`
		Outcome   string    `json:"outcome"`
		Error     *rowError `json:"error,omitempty"`
	}

	rowError struct {
		Code            string            `json:"code"`
		Reason          string            `json:"reason"`
		Message         string            `json:"message"`
		FieldViolations []fieldViolation  `json:"fieldViolations,omitempty"`
		Metadata        map[string]string `json:"metadata,omitempty"`
	}

	fieldViolation struct {
		Field       string `json:"field"` // the column
		Description string `json:"description"`
		Reason      string `json:"reason"`
	}

	summaryLine struct {
		Summary importSummary `json:"summary"`
	}

	importSummary struct {
		Rows      int  `json:"rows"`
		Created   int  `json:"created"`
		Updated   int  `json:"updated"`
		Unchanged int  `json:"unchanged"`
		Failed    int  `json:"failed"`
		DryRun    bool `json:"dryRun"`
	}

	errorLine struct {
		Error *rowError `json:"error"`
	}
)

// importAnswer writes the lines, each as soon as it is known.
type importAnswer struct {
	w       http.ResponseWriter
	encoder *json.Encoder
	begun   bool
	counts  map[string]int
}

func newImportAnswer(w http.ResponseWriter) *importAnswer {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return &importAnswer{w: w, encoder: encoder, counts: map[string]int{}}
}

func (a *importAnswer) write(line any) error {
	if !a.begun {
		a.w.Header().Set("Content-Type", "application/x-ndjson")
		a.begun = true
	}
	if err := a.encoder.Encode(line); err != nil {
		return err
	}
	return http.NewResponseController(a.w).Flush()
}

// row answers a row with the result, or with why it was not sent.
func (a *importAnswer) row(row productcsv.Row, result *inventoryv1.ImportProductsResponse) error {
	if result == nil {
		result = importFailed(&inventoryv1.ImportRow{}, row.Err)
	}
	line := rowLine{Row: row.Number, Line: row.Line, ProductID: row.ID, Outcome: result.GetOutcome().String(), Error: shownError(result.GetError())}
	a.counts[line.Outcome]++
	return a.write(line)
}

func (a *importAnswer) summary(dryRun bool) error {
	s := importSummary{DryRun: dryRun}
	for outcome, count := range a.counts {
		s.Rows += count
		switch outcome {
		case inventoryv1.ImportOutcome_CREATED.String():
			s.Created = count
		case inventoryv1.ImportOutcome_UPDATED.String():
			s.Updated = count
		case inventoryv1.ImportOutcome_UNCHANGED.String():
			s.Unchanged = count
		default:
			s.Failed = count
		}
	}
	return a.write(summaryLine{s})
}

// cut ends the answer early: with a last line that says why, when lines have been sent already.
func (a *importAnswer) cut(cause error) error {
	if a.begun {
		if err := a.write(errorLine{shownError(importFailed(nil, cause).GetError())}); err != nil {
			return err
		}
	}
	return cause
}

// shownError speaks of columns where the method speaks of fields.
func shownError(e *inventoryv1.ImportError) *rowError {
	if e == nil {
		return nil
	}
	shown := &rowError{Code: e.GetCode(), Reason: e.GetReason(), Message: e.GetMessage(), Metadata: e.GetMetadata()}
	for _, f := range e.GetFieldViolations() {
		name := productcsv.Column(f.GetField())
		shown.Message = strings.ReplaceAll(shown.Message, f.GetField()+": ", name+": ")
		shown.FieldViolations = append(shown.FieldViolations, fieldViolation{name, f.GetDescription(), f.GetReason()})
	}
	if shown.Reason == errs.ReasonInvalidArgument {
		shown.Message = strings.Replace(shown.Message, "the request is invalid", "the row is invalid", 1)
	}
	return shown
}
