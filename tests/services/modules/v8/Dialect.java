package services;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;

import org.elasticsearch.action.ActionListener;
import org.elasticsearch.action.datastreams.CreateDataStreamAction;
import org.elasticsearch.action.datastreams.DataStreamsActionUtil;
import org.elasticsearch.action.datastreams.lifecycle.PutDataStreamLifecycleAction;
import org.elasticsearch.action.support.IndicesOptions;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.IndexNameExpressionResolver;
import org.elasticsearch.cluster.metadata.MetadataCreateDataStreamService;
import org.elasticsearch.cluster.metadata.MetadataCreateDataStreamService.CreateDataStreamClusterStateUpdateRequest;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.metadata.MetadataIndexTemplateService;
import org.elasticsearch.cluster.node.DiscoveryNodes;
import org.elasticsearch.common.io.stream.NamedWriteableRegistry;
import org.elasticsearch.common.settings.ClusterSettings;
import org.elasticsearch.common.settings.IndexScopedSettings;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.common.settings.SettingsFilter;
import org.elasticsearch.features.NodeFeature;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.RestController;
import org.elasticsearch.rest.RestHandler;

/** How TestModules speaks to the services of Elasticsearch 8. */
abstract class Dialect extends Plugin implements ActionPlugin {

    abstract Collection<RestHandler> handlers(Settings settings);

    @Override
    public Collection<RestHandler> getRestHandlers(
        Settings settings, NamedWriteableRegistry registry, RestController controller, ClusterSettings clusterSettings,
        IndexScopedSettings indexSettings, SettingsFilter filter, IndexNameExpressionResolver resolver,
        Supplier<DiscoveryNodes> nodes, Predicate<NodeFeature> features
    ) {
        return handlers(settings);
    }

    static Set<DataStream> streams(
        IndexNameExpressionResolver resolver, ClusterState state, String[] names, IndicesOptions options
    ) {
        return DataStreamsActionUtil.getDataStreamNames(resolver, state, names, options).stream()
            .map(state.metadata().dataStreams()::get).collect(Collectors.toSet());
    }

    static String template(ClusterState state, String stream) {
        return MetadataIndexTemplateService.findV2Template(state.metadata(), stream, false);
    }

    static ClusterState without(Set<DataStream> dropped, ClusterState state, Settings settings) {
        return MetadataDataStreamsService.deleteDataStreams(state, dropped, settings);
    }

    static void make(
        MetadataCreateDataStreamService service, CreateDataStreamAction.Request request,
        ActionListener<AcknowledgedResponse> done
    ) {
        service.createDataStream(new CreateDataStreamClusterStateUpdateRequest(request.getName(),
            request.getStartTime(), null, request.masterNodeTimeout(), request.ackTimeout(), true), done);
    }

    static void retain(
        MetadataDataStreamsService service, List<String> streams, PutDataStreamLifecycleAction.Request request,
        ActionListener<AcknowledgedResponse> done
    ) {
        service.setLifecycle(streams, request.getLifecycle(), request.ackTimeout(), request.masterNodeTimeout(), done);
    }
}
