package access

// rawName is a REST route that is not the gateway's, by service and the full method of the RPC that is behind it.
type rawName struct{ service, method string }

// rawRoute is such a route.
type rawRoute struct {
	path    string // as the service declares it, with its verb
	request restRequest
}

// rawRoutes are the routes whose body is not the JSON of their RPC's request. They are held to the RPC's rule.
var rawRoutes = map[rawName]rawRoute{}

// publicRoutes are the routes that answer without a token, and why. By service, verb and path.
var publicRoutes = map[string]string{}

// publicPaths are what every service shows to everybody: no path of an RPC, nothing that anybody owns.
var publicPaths = []string{"/openapi.json"}

// unfinished are RPCs that may say UNIMPLEMENTED to those whom they let in.
var unfinished = map[string]bool{
	"OrderService.UpdateOrder": true, "OrderService.GetOrderSummary": true, "OrderService.WatchOrder": true,
}
