module orderflow.example/kit

go 1.26.0
