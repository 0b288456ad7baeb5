package services;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Pattern;

import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.Build;
import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.datastreams.CreateDataStreamAction;
import org.elasticsearch.action.datastreams.DeleteDataStreamAction;
import org.elasticsearch.action.datastreams.GetDataStreamAction.Response.DataStreamInfo;
import org.elasticsearch.action.datastreams.GetDataStreamAction;
import org.elasticsearch.action.datastreams.lifecycle.PutDataStreamLifecycleAction;
import org.elasticsearch.action.support.ActionFilters;
import org.elasticsearch.action.support.TransportAction;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.action.support.master.AcknowledgedTransportMasterNodeAction;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.ClusterStateUpdateTask;
import org.elasticsearch.cluster.block.ClusterBlockException;
import org.elasticsearch.cluster.block.ClusterBlockLevel;
import org.elasticsearch.cluster.health.ClusterHealthStatus;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.DataStreamLifecycle;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.MetadataCreateDataStreamService;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.util.concurrent.EsExecutors;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.index.mapper.KeywordFieldMapper;
import org.elasticsearch.index.mapper.Mapper;
import org.elasticsearch.index.mapper.TextFieldMapper;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.injection.guice.Inject;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.MapperPlugin;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.RestUtils;
import org.elasticsearch.rest.action.RestToXContentListener;
import org.elasticsearch.tasks.Task;
import org.elasticsearch.threadpool.ThreadPool;
import org.elasticsearch.transport.TransportService;

/**
 * What the smallest distribution of Elasticsearch lacks of an ordinary one and the tests need: an answer to GET /, the
 * data stream API (on the server's own services), field types that are modules elsewhere, and the analysis that the
 * index of the security features asks for. What major versions name differently stands in their Dialect.java.
 */
public final class TestModules extends Dialect implements AnalysisPlugin, MapperPlugin {

    // ---- field types: accepted by name, kept as what they are kinds of

    @Override
    public Map<String, Mapper.TypeParser> getMappers() {
        return Map.of(
            "wildcard", keywordWithout("null_value"),
            "constant_keyword", keywordWithout("value"),
            "match_only_text", TextFieldMapper.PARSER
        );
    }

    private static Mapper.TypeParser keywordWithout(String parameter) {
        return (name, definition, context) -> {
            definition.remove(parameter);
            return KeywordFieldMapper.PARSER.parse(name, definition, context);
        };
    }

    /** Index lifecycle management is a module as well: the setting that names a policy is accepted, and nothing more. */
    @Override
    public List<Setting<?>> getSettings() {
        return List.of(
            Setting.simpleString("index.lifecycle.name", Setting.Property.Dynamic, Setting.Property.IndexScope),
            Setting.simpleString("index.lifecycle.rollover_alias", Setting.Property.Dynamic, Setting.Property.IndexScope)
        );
    }

    // ---- analysis of the .security index

    @Override
    public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        return Map.of("pattern_capture", (index, environment, name, settings) -> {
            boolean whole = settings.getAsBoolean("preserve_original", true);
            Pattern[] patterns = settings.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
            return new Filter(name, stream -> new PatternCaptureGroupTokenFilter(stream, whole, patterns));
        }, "unique", (index, environment, name, settings) -> new Filter(name, RemoveDuplicatesTokenFilter::new));
    }

    @Override
    public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of(
            "uax_url_email",
            (index, environment, name, settings) -> TokenizerFactory.newFactory(name, UAX29URLEmailTokenizer::new)
        );
    }

    private record Filter(String name, Function<TokenStream, TokenStream> wrap) implements TokenFilterFactory {
        @Override
        public TokenStream create(TokenStream stream) {
            return wrap.apply(stream);
        }
    }

    // ---- GET / and the data stream API

    private ClusterService clusters;

    @Override
    public Collection<?> createComponents(PluginServices services) {
        clusters = services.clusterService();
        return List.of();
    }

    @Override
    Collection<RestHandler> handlers(Settings settings) {
        return List.of(new Root(settings, clusters), new Make(), new Show(), new Drop(), new Retain());
    }

    @Override
    @SuppressWarnings({ "rawtypes", "unchecked" }) // the handler of an action has type parameters in 8 and none in 9
    public Collection getActions() {
        return List.of(
            new ActionHandler(CreateDataStreamAction.INSTANCE, MakeAction.class),
            new ActionHandler(GetDataStreamAction.INSTANCE, ShowAction.class),
            new ActionHandler(DeleteDataStreamAction.INSTANCE, DropAction.class),
            new ActionHandler(PutDataStreamLifecycleAction.INSTANCE, RetainAction.class)
        );
    }

    private abstract static class Handler extends BaseRestHandler {
        private final List<Route> routes;

        Handler(String... routes) {
            this.routes = List.of(routes).stream().map(route -> route.split(" "))
                .map(parts -> new Route(RestRequest.Method.valueOf(parts[0]), parts[1])).toList();
        }

        @Override
        public String getName() {
            return "tests_" + getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
        }

        @Override
        public List<Route> routes() {
            return routes;
        }

        static String[] streams(RestRequest request) {
            return request.paramAsStringArray("name", new String[] { "*" });
        }
    }

    private static final class Root extends Handler {
        private final Settings settings;
        private final ClusterService clusters;

        Root(Settings settings, ClusterService clusters) {
            super("GET /", "HEAD /");
            this.settings = settings;
            this.clusters = clusters;
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            return channel -> {
                var json = channel.newBuilder().startObject();
                json.field("name", settings.get("node.name"));
                json.field("cluster_name", settings.get("cluster.name"));
                json.field("cluster_uuid", clusters.state().metadata().clusterUUID());
                json.startObject("version");
                json.field("number", Build.current().version());
                json.field("build_flavor", "default");
                json.field("build_hash", Build.current().hash());
                json.endObject();
                json.field("tagline", "You Know, for Search");
                channel.sendResponse(new RestResponse(RestStatus.OK, json.endObject()));
            };
        }
    }

    private static final class Make extends Handler {
        Make() {
            super("PUT /_data_stream/{name}");
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            var make = new CreateDataStreamAction.Request(
                RestUtils.getMasterNodeTimeout(request), RestUtils.getAckTimeout(request), request.param("name")
            );
            return channel -> client.execute(CreateDataStreamAction.INSTANCE, make, new RestToXContentListener<>(channel));
        }
    }

    private static final class Show extends Handler {
        Show() {
            super("GET /_data_stream", "GET /_data_stream/{name}");
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            var show = new GetDataStreamAction.Request(RestUtils.getMasterNodeTimeout(request), streams(request));
            return channel -> client.execute(GetDataStreamAction.INSTANCE, show, new RestToXContentListener<>(channel));
        }
    }

    private static final class Drop extends Handler {
        Drop() {
            super("DELETE /_data_stream/{name}");
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
            var drop = new DeleteDataStreamAction.Request(RestUtils.getMasterNodeTimeout(request), streams(request));
            return channel -> client.execute(DeleteDataStreamAction.INSTANCE, drop, new RestToXContentListener<>(channel));
        }
    }

    private static final class Retain extends Handler {
        Retain() {
            super("PUT /_data_stream/{name}/_lifecycle");
        }

        @Override
        protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws java.io.IOException {
            try (var body = request.contentParser()) {
                var retain = new PutDataStreamLifecycleAction.Request(
                    RestUtils.getMasterNodeTimeout(request), RestUtils.getAckTimeout(request), streams(request),
                    DataStreamLifecycle.dataLifecycleFromXContent(body)
                );
                return channel -> client.execute(
                    PutDataStreamLifecycleAction.INSTANCE, retain, new RestToXContentListener<>(channel)
                );
            }
        }
    }

    // ---- what the requests do

    public static final class MakeAction extends AcknowledgedTransportMasterNodeAction<CreateDataStreamAction.Request> {
        private final MetadataCreateDataStreamService service;

        @Inject
        public MakeAction(TransportService transport, ClusterService cluster, ThreadPool threads, ActionFilters filters,
            MetadataCreateDataStreamService service) {
            super(CreateDataStreamAction.NAME, transport, cluster, threads, filters,
                CreateDataStreamAction.Request::new, EsExecutors.DIRECT_EXECUTOR_SERVICE);
            this.service = service;
        }

        @Override
        protected void masterOperation(Task task, CreateDataStreamAction.Request request, ClusterState state,
            ActionListener<AcknowledgedResponse> done) {
            make(service, request, done);
        }

        @Override
        protected ClusterBlockException checkBlock(CreateDataStreamAction.Request request, ClusterState state) {
            return state.blocks().globalBlockedException(ClusterBlockLevel.METADATA_WRITE);
        }
    }

    public static final class ShowAction
        extends TransportAction<GetDataStreamAction.Request, GetDataStreamAction.Response> {
        private final ClusterService cluster;
        private final IndexNameExpressionResolver resolver;

        @Inject
        public ShowAction(TransportService transport, ClusterService cluster, ActionFilters filters,
            IndexNameExpressionResolver resolver) {
            super(GetDataStreamAction.NAME, filters, transport.getTaskManager(), EsExecutors.DIRECT_EXECUTOR_SERVICE);
            this.cluster = cluster;
            this.resolver = resolver;
        }

        @Override
        protected void doExecute(Task task, GetDataStreamAction.Request request,
            ActionListener<GetDataStreamAction.Response> done) {
            var state = cluster.state();
            var shown = streams(resolver, state, request.getNames(), request.indicesOptions()).stream()
                .sorted(Comparator.comparing(DataStream::getName))
                .map(stream -> new DataStreamInfo(stream, false, ClusterHealthStatus.GREEN,
                    template(state, stream.getName()), null, null, Map.of(), false, null, null));
            done.onResponse(new GetDataStreamAction.Response(shown.toList()));
        }
    }

    public static final class DropAction extends AcknowledgedTransportMasterNodeAction<DeleteDataStreamAction.Request> {
        private final IndexNameExpressionResolver resolver;

        @Inject
        public DropAction(TransportService transport, ClusterService cluster, ThreadPool threads, ActionFilters filters,
            IndexNameExpressionResolver resolver) {
            super(DeleteDataStreamAction.NAME, transport, cluster, threads, filters,
                DeleteDataStreamAction.Request::new, EsExecutors.DIRECT_EXECUTOR_SERVICE);
            this.resolver = resolver;
        }

        @Override
        protected void masterOperation(Task task, DeleteDataStreamAction.Request request, ClusterState state,
            ActionListener<AcknowledgedResponse> done) {
            clusterService.submitUnbatchedStateUpdateTask("drop data streams", new ClusterStateUpdateTask() {
                @Override
                public ClusterState execute(ClusterState now) {
                    var dropped = streams(resolver, now, request.getNames(), request.indicesOptions());
                    return without(dropped, now, clusterService.getSettings());
                }

                @Override
                public void clusterStateProcessed(ClusterState before, ClusterState after) {
                    done.onResponse(AcknowledgedResponse.TRUE);
                }

                @Override
                public void onFailure(Exception reason) {
                    done.onFailure(reason);
                }
            });
        }

        @Override
        protected ClusterBlockException checkBlock(DeleteDataStreamAction.Request request, ClusterState state) {
            return state.blocks().globalBlockedException(ClusterBlockLevel.METADATA_WRITE);
        }
    }

    public static final class RetainAction
        extends AcknowledgedTransportMasterNodeAction<PutDataStreamLifecycleAction.Request> {
        private final MetadataDataStreamsService service;
        private final IndexNameExpressionResolver resolver;

        @Inject
        public RetainAction(TransportService transport, ClusterService cluster, ThreadPool threads, ActionFilters filters,
            MetadataDataStreamsService service, IndexNameExpressionResolver resolver) {
            super(PutDataStreamLifecycleAction.INSTANCE.name(), transport, cluster, threads, filters,
                PutDataStreamLifecycleAction.Request::new, EsExecutors.DIRECT_EXECUTOR_SERVICE);
            this.service = service;
            this.resolver = resolver;
        }

        @Override
        protected void masterOperation(Task task, PutDataStreamLifecycleAction.Request request, ClusterState state,
            ActionListener<AcknowledgedResponse> done) {
            var names = streams(resolver, state, request.getNames(), request.indicesOptions()).stream()
                .map(DataStream::getName).toList();
            retain(service, names, request, done);
        }

        @Override
        protected ClusterBlockException checkBlock(PutDataStreamLifecycleAction.Request request, ClusterState state) {
            return state.blocks().globalBlockedException(ClusterBlockLevel.METADATA_WRITE);
        }
    }
}
