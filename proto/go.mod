module orderflow.example/proto

go 1.26.0
