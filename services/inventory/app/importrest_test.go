package app_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderflow.example/inventory/app"
)

// upload imports a file over REST and returns the answer's status, its lines and whether it ended properly.
func (r *rig) upload(role, query, contentType string, body io.Reader) (code int, lines []map[string]any, err error) {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.http+"/v1/products:import"+query, body)
	if err != nil {
		r.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.issuer.Token("c1", role))
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	scanner := bufio.NewScanner(response.Body)
	for scanner.Scan() {
		var line map[string]any
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			r.Fatalf("%s: %v", scanner.Text(), err)
		}
		lines = append(lines, line)
	}
	if response.StatusCode == http.StatusOK && response.Header.Get("Content-Type") != "application/x-ndjson" {
		r.Errorf("content type %s", response.Header.Get("Content-Type"))
	}
	return response.StatusCode, lines, scanner.Err()
}

// importFile is for a file that is taken; it returns its rows in short, and the summary.
func (r *rig) importFile(query, file string) (rows []string, summary string) {
	r.Helper()
	code, lines, err := r.upload("catalogue", query, "text/csv; charset=utf-8", strings.NewReader(file))
	if err != nil || code != http.StatusOK || len(lines) == 0 {
		r.Fatalf("%d %v %v", code, lines, err)
	}
	for _, line := range lines[:len(lines)-1] {
		text := fmt.Sprint(line["row"], "@", line["line"], " ", line["productId"], " ", line["outcome"])
		if e, ok := line["error"].(map[string]any); ok {
			text += fmt.Sprint(" ", e["reason"])
			violations, _ := e["fieldViolations"].([]any)
			for _, v := range violations {
				text += fmt.Sprint(" ", v.(map[string]any)["field"], "/", v.(map[string]any)["reason"])
			}
		}
		rows = append(rows, text)
	}
	last, ok := lines[len(lines)-1]["summary"].(map[string]any)
	if !ok {
		r.Fatalf("no summary: %v", lines)
	}
	for _, name := range []string{"rows", "created", "updated", "unchanged", "failed", "dryRun"} {
		summary += fmt.Sprint(" ", last[name])
	}
	return rows, summary[1:]
}

func TestImportOfAFile(t *testing.T) {
	onEach(t, func(r *rig) {
		r.create("there", 5, 0)
		file := "\ufeffid,sku,name,price,stock,low_stock_threshold\r\n" +
			"p1,S1,\"Tea, green\",900,10,3\r\n" +
			"p2,S2,Cup,dear,1,0\r\n" +
			"p3,S3,,0,1,-1\r\n" +
			"p4,S4,Pot,5000,1,0,more\r\n" +
			"p1,S1,Tea,900,10,3\r\n" +
			"there,SKU-there,Product there,901,77,0\r\n" +
			"p5,SKU-there,Jar,1,1,1\r\n" +
			"p6,S6,\"Lid\r\nof a pot\",700,2,0\r\n"
		want := []string{
			"1@2 p1 CREATED",
			"2@3 p2 FAILED INVALID_ARGUMENT price/TYPE",
			"3@4 p3 FAILED INVALID_ARGUMENT name/STRING_MIN_LEN price/INT64_GT_LTE low_stock_threshold/INT64_GTE_LTE",
			"4@5 <nil> FAILED FIELD_COUNT",
			"5@6 p1 FAILED DUPLICATE_ROW",
			"6@7 there UPDATED",
			"7@8 p5 FAILED SKU_EXISTS sku/UNIQUE",
			"8@9 p6 CREATED",
		}
		rows, summary := r.importFile("?dryRun=true", file)
		r.expect(rows, want...)
		r.expect([]string{summary}, "8 2 1 0 5 true")
		rows, summary = r.importFile("", file)
		r.expect(rows, want...)
		r.expect([]string{summary}, "8 2 1 0 5 false")
		if p := r.get("there"); p.GetPrice() != 901 || p.GetOnHand() != 5 || p.GetDescription() != "What it is" {
			r.Errorf("%v", p)
		}
		if p := r.get("p6"); p.GetName() != "Lid\r\nof a pot" && p.GetName() != "Lid\nof a pot" {
			r.Errorf("%v", p)
		}
		_, summary = r.importFile("?dryRun=false", file)
		r.expect([]string{summary}, "8 0 0 3 5 false")
		r.check()
	})
}

func TestFilesThatAreRefused(t *testing.T) {
	r := start(t, func(cfg *app.Config) { cfg.ImportMaxBytes = 1000 })
	const header, csv = "id,sku,name,price\n", "text/csv"
	good := header + "p1,S1,Tea,900\n"
	for name, c := range map[string]struct {
		role, query, contentType, file string
		code                           int
		says                           string
	}{
		"customer":         {"customer", "", csv, good, 403, "ROLE_REQUIRED"},
		"staff":            {"staff", "", csv, good, 403, "ROLE_REQUIRED"},
		"JSON":             {"catalogue", "", "application/json", "{}", 415, "text/csv"},
		"another charset":  {"catalogue", "", "text/csv; charset=euc-kr", good, 415, "text/csv"},
		"empty":            {"catalogue", "", csv, "", 400, "FILE_EMPTY"},
		"unknown column":   {"catalogue", "", csv, "id,sku,name,price,colour\np1,S1,Tea,900,red\n", 400, "colour"},
		"missing column":   {"catalogue", "", csv, "id,sku,name\np1,S1,Tea\n", 400, "MISSING_COLUMN"},
		"column twice":     {"catalogue", "", csv, "id,sku,name,price,price\np1,S1,Tea,900,900\n", 400, "DUPLICATE_COLUMN"},
		"too large":        {"catalogue", "", csv, good + strings.Repeat("x", 1000), 413, "BODY_TOO_LARGE"},
		"misspelt dry run": {"catalogue", "?dryrun=true", csv, good, 400, "dryrun"},
		"odd dry run":      {"catalogue", "?dryRun=1", csv, good, 400, "dryRun"},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, body := range map[string]io.Reader{"of a known length": strings.NewReader(c.file), "in chunks": io.MultiReader(strings.NewReader(c.file))} {
				code, lines, err := r.upload(c.role, c.query, c.contentType, body)
				if err != nil || code != c.code || !strings.Contains(fmt.Sprint(lines), c.says) {
					t.Errorf("%s: %d %v, %v", kind, code, lines, err)
				}
			}
		})
	}
	if _, _, answer := r.rest("GET", "/v1/products", r.issuer.Token("u1"), ""); answer["totalSize"] != nil && fmt.Sprint(answer["totalSize"]) != "0" {
		t.Errorf("%v", answer)
	}
}

// More rows than are held at once, from a client that reads nothing before all is sent.
func TestImportOfALargeFile(t *testing.T) {
	onEach(t, func(r *rig) {
		const all = 3000
		var file strings.Builder
		file.WriteString("id,sku,name,price\n")
		for i := range all {
			fmt.Fprintf(&file, "p%05d,S%05d,Product,%d\n", i, i, i%7) // each seventh has no price
		}
		_, summary := r.importFile("", file.String())
		r.expect([]string{summary}, "3000 2571 0 0 429 false")
		rows, summary := r.importFile("", file.String())
		r.expect([]string{summary}, "3000 0 0 2571 429 false")
		for i, row := range rows {
			if !strings.HasPrefix(row, fmt.Sprintf("%d@%d p%05d ", i+1, i+2, i)) {
				r.Fatalf("row %d: %s", i, row)
			}
		}
		r.check()
	})
}

// An answer that can't be finished says why in its last line, has no summary, and does not look whole.
func TestFileOfTooManyRows(t *testing.T) {
	r := start(t, func(cfg *app.Config) { cfg.ImportMaxRows = 3 })
	file := "id,sku,name,price\np1,S1,Tea,1\np2,S2,Cup,1\np3,S3,Pot,1\np4,S4,Jar,1\n"
	code, lines, err := r.upload("catalogue", "", "text/csv", strings.NewReader(file))
	if err == nil || code != http.StatusOK || len(lines) != 4 {
		t.Fatalf("%d %v, %v", code, lines, err)
	}
	if last := fmt.Sprint(lines[3]); !strings.Contains(last, "IMPORT_TOO_LONG") || !strings.Contains(fmt.Sprint(lines[2]), "CREATED") {
		t.Errorf("%v", lines)
	}
	if r.get("p3").GetVersion() != 1 {
		t.Error("p3 was answered and is not there")
	}
	r.check()
}

// The client of a file goes while the rows are done: what it was told of is there, and the same file fills up the rest.
func TestFileWhoseClientGoes(t *testing.T) {
	onEach(t, func(r *rig) {
		const all = 4000
		var file strings.Builder
		file.WriteString("id,sku,name,price\n")
		for i := range all {
			fmt.Fprintf(&file, "p%05d,S%05d,Product,1\n", i, i)
		}
		ctx, leave := context.WithCancel(r.Context())
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.http+"/v1/products:import", strings.NewReader(file.String()))
		if err != nil {
			r.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+r.issuer.Token("c1", "catalogue"))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			r.Fatal(err)
		}
		scanner := bufio.NewScanner(response.Body)
		for range 10 {
			if !scanner.Scan() || !strings.Contains(scanner.Text(), "CREATED") {
				r.Fatal(scanner.Text(), scanner.Err())
			}
		}
		leave()
		_ = response.Body.Close() // it was left
		for i := range 10 {
			r.get(fmt.Sprintf("p%05d", i))
		}
		_, summary := r.importFile("", file.String())
		var rows, created, updated, unchanged, failed int
		if _, err := fmt.Sscan(summary, &rows, &created, &updated, &unchanged, &failed); err != nil || rows != all || updated+failed != 0 || unchanged < 10 {
			r.Errorf("%s, %v", summary, err)
		}
		r.check()
	})
}
