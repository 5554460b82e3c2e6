#include "goflow/api_impl.h"

enum MHD_Result api_get_metrics(struct api_request *r)
{
	return api_refuse(r, MHD_HTTP_NOT_FOUND, "path", "there is no such thing");
}
