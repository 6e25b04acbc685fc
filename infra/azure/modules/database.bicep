// PostgreSQL, reached through the app's network only.
//
// The app signs in with a password, because it connects by one URL and PostgreSQL takes an Entra token only as a
// password that is new each hour. The password lies in the vault, and no person has it.

param name string
param location string
param networkId string
param subnetId string

@secure()
param password string

resource server 'Microsoft.DBforPostgreSQL/flexibleServers@2026-10-01' = {
  name: name
  location: location
  sku: { name: 'Standard_B2s', tier: 'Burstable' }
  properties: {
    version: '18'
    administratorLogin: 'footprint'
    administratorLoginPassword: password
    authConfig: { passwordAuth: 'Enabled', activeDirectoryAuth: 'Disabled' }
    storage: { storageSizeGB: 32, autoGrow: 'Enabled' }
    backup: { backupRetentionDays: 14, geoRedundantBackup: 'Disabled' }
    network: { publicNetworkAccess: 'Disabled' }
  }
}

resource database 'Microsoft.DBforPostgreSQL/flexibleServers/databases@2026-10-01' = {
  parent: server
  name: 'footprint'
  properties: { charset: 'UTF8', collation: 'en_US.utf8' }
}

// All routes and each queue with 40 instances, and each timer with one, have FOOTPRINT_DATABASE_CONNECTIONS each; some
// more are for people and backups.
resource connections 'Microsoft.DBforPostgreSQL/flexibleServers/configurations@2026-10-01' = {
  parent: server
  name: 'max_connections'
  properties: { value: '700', source: 'user-override' }
}

resource endpoint 'Microsoft.Network/privateEndpoints@2026-03-01' = {
  name: '${name}-database'
  location: location
  properties: {
    subnet: { id: subnetId }
    privateLinkServiceConnections: [
      { name: 'database', properties: { privateLinkServiceId: server.id, groupIds: ['postgresqlServer'] } }
    ]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = {
  name: 'privatelink.postgres.database.azure.com'
  location: 'global'
}

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = {
  parent: zone
  name: 'app'
  location: 'global'
  properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
}

resource record 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2026-03-01' = {
  parent: endpoint
  name: 'database'
  properties: { privateDnsZoneConfigs: [{ name: 'database', properties: { privateDnsZoneId: zone.id } }] }
}

output id string = server.id
