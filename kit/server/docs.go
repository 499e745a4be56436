package server

import (
	"bytes"
	_ "embed" // for the page
	"html/template"
	"net/http"
	"path"
	"strings"

	"github.com/swaggest/swgui/v5emb"

	"orderflow.example/kit/errs"
)

// Docs is what a service shows to people beside its API. The zero value shows nothing.
type Docs struct {
	Title string     // of the page at /docs, which shows /openapi.json; empty: there is no such page
	Pages []DocsPage // below /docs/
}

// DocsPage is a document that /docs links to.
type DocsPage struct {
	Name    string // below /docs/, such as "events"
	Link    string // what /docs calls it; empty: it is not linked to
	Type    string // its Content-Type
	Content []byte
}

const (
	docsPath = "/docs"
	typeHTML = "text/html; charset=utf-8"
	// docsPolicy lets a page have what comes from here, and nothing from elsewhere.
	docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

//go:embed docs.html
var docsHTML string

// docsScript starts the page. It is a file of its own, as the policy allows no scripts in a page.
//
//go:embed docs.js
var docsScript []byte

// docs answers below /docs. All of it is in the binary: a page needs no other address.
type docs struct {
	pages  map[string]DocsPage // by path
	assets http.Handler        // Swagger UI
}

// newDocs gives nil when there is nothing to show.
func newDocs(shown Docs) (*docs, error) {
	if shown.Title == "" && len(shown.Pages) == 0 {
		return nil, nil
	}
	d := &docs{pages: map[string]DocsPage{}}
	for _, page := range shown.Pages {
		d.pages[path.Join(docsPath, page.Name)] = page
	}
	if shown.Title == "" {
		return d, nil
	}
	page, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := page.Execute(&text, shown); err != nil {
		return nil, err
	}
	d.pages[docsPath] = DocsPage{Type: typeHTML, Content: text.Bytes()}
	d.pages[docsPath+"/start.js"] = DocsPage{Type: "text/javascript; charset=utf-8", Content: docsScript}
	d.assets = v5emb.New(shown.Title, openAPIPath, docsPath+"/")
	return d, nil
}

// isDocs tells the requests that docs answers.
func (d *docs) isDocs(r *http.Request) bool {
	return d != nil && (r.URL.Path == docsPath || strings.HasPrefix(r.URL.Path, docsPath+"/"))
}

func (d *docs) serve(rec *recorder, r *http.Request) {
	rec.route = docsPath
	if !onlyReads(rec, r) {
		return
	}
	rec.Header().Set("Content-Security-Policy", docsPolicy)
	rec.Header().Set("Cache-Control", "no-cache")
	page, ok := d.pages[strings.TrimSuffix(r.URL.Path, "/")]
	switch {
	case ok:
		rec.Header().Set("Content-Type", page.Type)
		_, _ = rec.Write(page.Content) // the asker has gone: nobody is left to tell
	case d.assets != nil:
		d.assets.ServeHTTP(rec, r)
	default:
		writeError(rec, r, errs.New(errs.NotFound, "ROUTE_NOT_FOUND", "there is nothing at this path"))
	}
}

// onlyReads refuses every method but GET and HEAD.
func onlyReads(rec *recorder, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	rec.Header().Set("Allow", "GET, HEAD")
	writeErrorAs(rec, r, http.StatusMethodNotAllowed, errMethodNotAllowed(r.Method))
	return false
}
