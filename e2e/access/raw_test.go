package access

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"strconv"

	"google.golang.org/protobuf/proto"

	inventoryv1 "orderflow.example/proto/gen/orderflow/inventory/v1"
)

// rawName is a REST route that is not the gateway's, by service and the full method of the RPC that is behind it.
type rawName struct{ service, method string }

// rawRoute is such a route, and how it says what its RPC's request does.
type rawRoute struct {
	verb, path string
	request    func(rawRoute, proto.Message) (restRequest, error)
}

// rawRoutes are the routes whose body is not the JSON of their RPC's request. They are held to the RPC's rule. A route that takes over a path of the
// gateway's, as that of WatchOrder does, is not among them: it is called as the RPC's descriptor says.
var rawRoutes = map[rawName]rawRoute{
	{"inventory", "/orderflow.inventory.v1.InventoryService/ImportProducts"}: {http.MethodPost, "/v1/products:import", importFile},
}

// importFile is a row of an import as a file.
func importFile(r rawRoute, request proto.Message) (restRequest, error) {
	product := request.(*inventoryv1.ImportProductsRequest).GetRow().GetProduct()
	var file bytes.Buffer
	err := csv.NewWriter(&file).WriteAll([][]string{
		{"id", "sku", "name", "price"},
		{product.GetProductId(), product.GetSku(), product.GetName(), strconv.FormatInt(product.GetPrice(), 10)},
	})
	return restRequest{verb: r.verb, path: r.path, contentType: "text/csv", body: file.Bytes()}, err
}

// publicRoutes are the routes that ask for no token, and what they ask for instead. By service, verb and path.
var publicRoutes = map[string]string{
	"payment POST /v1/providers/{provider}/webhooks": "a signature of the provider's",
}

// publicPaths are what every service shows to everybody: no path of an RPC, nothing that anybody owns.
var publicPaths = []string{"/openapi.json", "/docs", "/docs/events", "/docs/asyncapi.json"}
